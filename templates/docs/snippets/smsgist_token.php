<?php
function smsgist_token(string $clientSecret, string $appSecretKey, ?string $iv = null): string
{
    $iv ??= random_bytes(16);
    $key = hash('sha256', $appSecretKey, true);
    return base64_encode($iv . openssl_encrypt($clientSecret, 'aes-256-cbc', $key, OPENSSL_RAW_DATA, $iv));
}
