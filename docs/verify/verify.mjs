// Checks a webhook before it is believed. Needs nothing but Node.
import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from "node:crypto";

const TOLERANCE_SECONDS = 300;

/**
 * Throws unless the raw `body` (a Buffer, before any parsing) was signed just now by the holder of `secret`, or for a
 * public key (`whpk_…`) of its private half. Names of headers are in lower case. While a secret is rotated there is a
 * signature for each live one.
 */
export function verify(secret, headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new Error("the timestamp is missing, too old or in the future");
  }
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const fits = secret.startsWith("whpk_") ? publicKeyFits(secret, signed) : secretFits(secret, signed);
  for (const token of (headers["webhook-signature"] ?? "").split(" ")) {
    const [version, signature = ""] = token.split(",");
    if (fits(version, Buffer.from(signature, "base64"))) {
      return;
    }
  }
  throw new Error("no signature fits");
}

function secretFits(secret, signed) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(signed).digest();
  return (version, signature) =>
    version === "v1" && signature.length === expected.length && timingSafeEqual(signature, expected);
}

function publicKeyFits(text, signed) {
  const x = Buffer.from(text.replace(/^whpk_/, ""), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return (version, signature) => version === "v1a" && verifySignature(null, signed, key, signature);
}
