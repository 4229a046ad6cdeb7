const response = await fetch('https://api.smsgang.org/api/developer/v1/smm/orders/9001', {
  headers: { 'X-API-Key': 'sgk_your_key_here' }
});

console.log(await response.json());
