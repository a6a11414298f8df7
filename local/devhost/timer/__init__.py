"""The app's timer triggers and when they are due."""
