const response = await fetch('https://api.smsgang.org/api/developer/api-keys', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    Authorization: 'Bearer YOUR_SANCTUM_TOKEN'
  },
  body: JSON.stringify({ name: 'Production key' })
});

console.log(await response.json());
