const response = await fetch('https://api.smsgang.org/api/developer/v1/notifications/send', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'X-API-Key': process.env.SMSGANG_API_KEY
  },
  body: JSON.stringify({
    template_id: 1,
    to: '+2348012345678',
    variables: { '1': '123456' }
  })
});

console.log(await response.json());
