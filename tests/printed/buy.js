const activation = await fetch('https://api.smsgang.org/api/developer/v1/activations/buy', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'X-API-Key': process.env.SMSGANG_API_KEY
  },
  body: JSON.stringify({
    service: 'telegram',
    country: 'US'
  })
}).then(r => r.json());

console.log('Phone: ' + activation.data.phone);
console.log('Code expires in: ' + activation.data.timeout + 's');
