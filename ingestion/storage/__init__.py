"""What lies in the storage account, and the way in: accounts, the spool, checkpoints, JSON blobs."""
