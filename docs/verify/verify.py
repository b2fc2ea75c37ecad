"""Checks a webhook before it is believed. Needs nothing but Python."""

import base64
import binascii
import hashlib
import hmac
import time

TOLERANCE_SECONDS = 300


def verify(secret: str, headers: dict[str, str], body: bytes) -> None:
    """Raises ValueError unless the raw `body`, before any parsing, was signed with `secret` just now.

    Names of headers are in lower case. While a secret is rotated there is a signature for each live one.
    """
    event_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise ValueError("the timestamp is missing, too old or in the future")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not whsec_ and Base64") from error
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    for token in headers.get("webhook-signature", "").split():
        version, _, signature = token.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), expected):
            return
    raise ValueError("no signature fits")
