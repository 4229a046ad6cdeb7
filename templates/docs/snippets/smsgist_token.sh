# A random block that is encrypted first becomes the random iv of what follows it.
key=$(printf %s "$APP_SECRET_KEY" | openssl dgst -sha256 -r | cut -c1-64)
token=$({ openssl rand 16; printf %s "$CLIENT_SECRET"; } |
  openssl enc -aes-256-cbc -K "$key" -iv 00000000000000000000000000000000 | openssl base64 -A)
