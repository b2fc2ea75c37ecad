// Holds captured deliveries against docs/verify/verify.mjs, which verifies ed25519 with Node's own OpenSSL, and against the
// Standard Webhooks library for JavaScript in the folder that is named last, if one is.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [cases, snippets, modules] = process.argv.slice(2);
const library = modules && createRequire(`${modules}/`)("standardwebhooks");
const { verify } = await import(pathToFileURL(`${snippets}/verify.mjs`));

let checked = 0;
let wrong = 0;
for (const { name, secret, headers, body, valid } of JSON.parse(readFileSync(cases, "utf8"))) {
  const bytes = Buffer.from(body, "base64");
  const checks = { "verify.mjs": () => verify(secret, headers, bytes) };
  if (library && secret.startsWith("whsec_")) {
    checks.standardwebhooks = () => new library.Webhook(secret).verify(bytes.toString(), headers);
  }
  for (const [by, check] of Object.entries(checks)) {
    let accepted = true;
    try {
      check();
    } catch {
      accepted = false;
    }
    checked += 1;
    if (accepted !== valid) {
      wrong += 1;
      console.log(`${by}: ${name}: accepted ${accepted}, should be ${valid}`);
    }
  }
}
console.log(`node${library ? "" : " without the library"}: ${checked} checks, ${wrong} wrong`);
process.exit(wrong || !checked ? 1 : 0);
