const prices = await fetch('https://api.smsgang.org/api/developer/v1/services/telegram/countries', {
  headers: { 'X-API-Key': process.env.SMSGANG_API_KEY }
}).then(r => r.json());

prices.data.forEach(country => {
  console.log(country.name + ': $' + country.price + '/code');
});
