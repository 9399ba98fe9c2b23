"""One file for each foreign program or protocol; nothing here decides."""
