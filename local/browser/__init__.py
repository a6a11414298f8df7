"""The page in a real browser: for the tests, the screenshots and the benchmark."""
