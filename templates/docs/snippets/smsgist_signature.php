<?php
function smsgist_verify(string $secret, string $body, string $timestamp, string $signature): bool
{
    $expected = 'sha256=' . hash_hmac('sha256', $timestamp . '.' . $body, $secret);
    return abs(time() - (int) $timestamp) <= 300 && hash_equals($expected, $signature);
}
