const response = await fetch('https://api.smsgang.org/api/developer/api-keys', {
  headers: { Authorization: 'Bearer YOUR_SANCTUM_TOKEN' }
});

console.log(await response.json());
