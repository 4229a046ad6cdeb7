const crypto = require("node:crypto");

function smsgistToken(clientSecret, appSecretKey, iv = crypto.randomBytes(16)) {
  const key = crypto.createHash("sha256").update(appSecretKey).digest();
  const cipher = crypto.createCipheriv("aes-256-cbc", key, iv);
  return Buffer.concat([iv, cipher.update(clientSecret, "utf8"), cipher.final()]).toString("base64");
}
