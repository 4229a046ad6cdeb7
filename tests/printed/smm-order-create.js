const response = await fetch('https://api.smsgang.org/api/developer/v1/smm/orders', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'X-API-Key': 'sgk_your_key_here'
  },
  body: JSON.stringify({
    smm_service_id: 101,
    link: 'https://instagram.com/example',
    quantity: 1000
  })
});

console.log(await response.json());
