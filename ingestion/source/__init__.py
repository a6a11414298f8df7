"""The external API.

`client` requests a page, `page` defines requests and pages, and `check` checks a sources file. `description` reads the
description of a source, `styles` has the pagination styles, and `auth` adds credentials. `http` sends one request,
`reading` gets the items out of an answer, and `waiting` decides when to send the next request.

Each of three decisions is made in one place only: whether an answer is a page (`reading.answer`), whether a page is the
last one (`following` in `styles.style`), and what no error may show (`ingestion.concealed`).
"""
