const balance = await fetch('https://api.smsgang.org/api/developer/v1/wallet/balance', {
  headers: { 'X-API-Key': process.env.SMSGANG_API_KEY }
}).then(r => r.json());

console.log('Available: $' + balance.data.balance);
console.log('Hold: $' + balance.data.hold);
