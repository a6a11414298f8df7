"""The external API: what is said about it (`description`), how it pages (`styles`), how it is asked (`client`)."""
