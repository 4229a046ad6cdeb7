const response = await fetch('https://api.smsgang.org/api/developer/api-keys/2', {
  method: 'DELETE',
  headers: { Authorization: 'Bearer YOUR_SANCTUM_TOKEN' }
});

console.log(await response.json());
