"""The rehearsal: a whole delivery in the sandbox, good releases and bad, by the code CI runs."""
