"""The external API, room by room.

`client` asks for a page, `page` is what goes out and comes back, `check` looks at a sources file. `description` holds
what is said about a source, `styles` how it pages and ends, `auth` its credentials, `http` one request and its answer,
`reading` the way from an answer's bytes to its items, `waiting` how long a source is left alone.

Three questions have one place each: whether an answer is a page (`reading.answer`), whether that page is the end
(`following` in `styles.style`), and what no error may show (`ingestion.concealed`).
"""
