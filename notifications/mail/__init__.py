"""E-mail as it is on the wire: its bodies, its headers, its links back to us, and the mail server's protocol."""
