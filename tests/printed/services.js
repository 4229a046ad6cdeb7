const services = await fetch('https://api.smsgang.org/api/developer/v1/services', {
  headers: { 'X-API-Key': process.env.SMSGANG_API_KEY }
}).then(r => r.json());

services.forEach(s => console.log(s.name + ' (ID: ' + s.id + ')'));
