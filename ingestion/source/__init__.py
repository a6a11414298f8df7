"""The external API.

`client` requests a page, `page` has the request and the page, `check` checks a sources file. `description` reads the
description of a source, `styles` knows how it pages and ends, `auth` has its credentials, `http` one request and its
answer, `reading` gets the items out of an answer, `waiting` decides when to send the next request.

Three decisions have one place each: whether an answer is a page (`reading.answer`), whether that page is the end
(`following` in `styles.style`), and what no error may show (`ingestion.concealed`).
"""
