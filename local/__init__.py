"""All that serves only a local machine; never deployed."""
