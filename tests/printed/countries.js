const countries = await fetch('https://api.smsgang.org/api/developer/v1/countries', {
  headers: { 'X-API-Key': process.env.SMSGANG_API_KEY }
}).then(r => r.json());

// Filter available countries
const available = countries.data.filter(c => c.is_available);
