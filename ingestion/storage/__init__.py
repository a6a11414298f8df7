"""The storage account: access to it, the spool, checkpoints, JSON blobs."""
