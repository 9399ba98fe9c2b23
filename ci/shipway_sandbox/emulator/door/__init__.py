"""The front door: who may speak to the emulator, as whom, and about what.

Everything that reaches MiniStack has passed it: sent to a loopback name and by no web page
(:mod:`.visitors`), signed with a secret of this run (:mod:`.signatures`), and one of the operations
that a delivery uses (:mod:`.operations`). What MiniStack would serve besides is taken out of it
(:mod:`.narrow`). A task that it runs gets no more of this machine than Fargate gives
(:mod:`.isolation`).
"""
