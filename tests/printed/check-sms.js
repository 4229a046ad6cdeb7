async function waitForCode(activationId) {
  const maxAttempts = 300; // 15 minutes
  let attempts = 0;
  
  while (attempts < maxAttempts) {
    const res = await fetch(
      'https://api.smsgang.org/api/developer/v1/activations/' + activationId + '/check-sms',
      { headers: { 'X-API-Key': process.env.SMSGANG_API_KEY } }
    ).then(r => r.json());
    
    if (res.data.code) {
      return res.data.code;
    }
    
    await new Promise(r => setTimeout(r, 5000)); // Wait 5 seconds
    attempts++;
  }
}
