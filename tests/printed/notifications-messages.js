const response = await fetch('https://api.smsgang.org/api/developer/v1/notifications/messages', {
  headers: { 'X-API-Key': process.env.SMSGANG_API_KEY }
});

console.log(await response.json());
