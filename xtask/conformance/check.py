"""Holds captured deliveries against docs/verify/verify.py and, as far as it is installed, the Standard Webhooks library."""

import base64
import json
import sys

try:
    from standardwebhooks.webhooks import Webhook
except ImportError:
    Webhook = None

sys.path.insert(0, sys.argv[2])
from verify import verify  # noqa: E402

wrong = 0
checked = 0
for case in json.load(open(sys.argv[1], encoding="utf-8")):
    if not case["secret"].startswith("whsec_"):
        continue
    body = base64.b64decode(case["body"])
    checks = {"verify.py": lambda: verify(case["secret"], case["headers"], body)}
    if Webhook:
        checks["standardwebhooks"] = lambda: Webhook(case["secret"]).verify(body.decode(), case["headers"])
    for name, check in checks.items():
        try:
            check()
            accepted = True
        except Exception:
            accepted = False
        checked += 1
        if accepted != case["valid"]:
            wrong += 1
            print(f"{name}: {case['name']}: accepted {accepted}, should be {case['valid']}")
print(f"python{'' if Webhook else ' without the library'}: {checked} checks, {wrong} wrong")
sys.exit(1 if wrong or not checked else 0)
