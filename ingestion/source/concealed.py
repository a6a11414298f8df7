"""The one place that knows what no error and no log may show of a source."""

import json
from urllib.parse import quote, quote_plus

SHORTEST_CONCEALED = 4  # three characters protect nothing, and concealing them would tear words apart


class Concealed:
    """Secret texts, in the forms in which URLs and JSON repeat them."""

    def __init__(self, *secrets: str) -> None:
        self._forms: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Conceal these from now on."""
        for secret in secrets:
            if len(secret) >= SHORTEST_CONCEALED:
                forms = secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]
                self._forms.update(forms)

    def __call__(self, text: str) -> str:
        """Return `text` with stars in place of each secret."""
        for secret in sorted(self._forms, key=len, reverse=True):  # whole ones before their parts
            text = text.replace(secret, "***")
        return text
