const crypto = require("node:crypto");

function smsgistVerify(secret, body, timestamp, signature) {
  const hex = crypto.createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  const [expected, sent] = [Buffer.from(`sha256=${hex}`), Buffer.from(signature)];
  const isRecent = Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;
  return isRecent && sent.length === expected.length && crypto.timingSafeEqual(sent, expected);
}
