"""The words are part of the form of what is kept."""

import base64
import hashlib

from mirante.store.packing import unpacked
from mirante.store.types import from_json
from mirante.store.wording import WORDS

KEPT = (  # base64: there are characters in it that no editor shows
    "Xl5lQTZSDGIMAhtsSQJaZRNZfQQoMnp9XjhASVB6QgQWazMSwoB+Ph0/Xw99flt+XhJtXXEOaB1rewI3biklDDp+Xz"
    "1uI2BxH2BVeMKARRPCgApacAEsJsKAGVVgExtbbz4NG1xiEztMIjc5RCZXHBBSX29DcQJKe0YIKy44ISs7RBU3ODpv"
    "ZRZ3BCxucEVNbglZXWMbG1w/N3YycA1tbhFdXj8/d1h/f2dLDH4OXD17fCMuXh9mZn0QbjlQOR5EaW9ocHknTxIzCC"
    "JjaExdFSxJcUhCcwgYShMfJSkTHSkECyggYmhMfRUkTWtIQSsIGEIXHyQpUz5iCG5kBxBFR1kaOGo5B04kHjkDCSIz"
    "dFUSNlxCF3IGWEIJfhwxZxBtenB/f38="
)


def test_not_a_character_is_changed():
    assert hashlib.blake2b(WORDS, digest_size=8).hexdigest() == "be9b324744e14f6f"
    assert unpacked(base64.b64decode(KEPT).decode(), from_json) == {
        "columns": {f"x{n}": {"ks": n / 8, "drifted": False} for n in range(60)}
    }
