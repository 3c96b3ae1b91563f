/**
 * A certificate for localhost that no machine trusts, and its key, which guards nothing. Made with
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1
 */
export const SELF_SIGNED = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUCgAwIBAgITTHeMGPt+slRODjaF+RPFMXEghjAKBggqhkjOPQQDAjAU
MRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcNMjYxMTI3MDQ1NzI0WhgPMjEyNjExMDMw
NDU3MjRaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABEpsefY9WgCLkktnoOQXNbkizQf+Lp2TZ5hY9+ge9tyhPO6ib9ipczDI
fUClm9SGhe1C7jEe6Rr8rQd0iN8gTeGjbzBtMB0GA1UdDgQWBBTfMdP4FhRzPJBT
0Rt0LP6LwTXcPDAfBgNVHSMEGDAWgBTfMdP4FhRzPJBT0Rt0LP6LwTXcPDAPBgNV
HRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAKBggqhkjO
PQQDAgNJADBGAiEAuvywnUAiG0zswoG6Y+YVZWpMoSgd2u6oCwFcQJhD/cUCIQCg
2RLLS6RLO0uTS5yCvHR3wLd0WsITEnqZw60XIVsJ1Q==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3L2gXKsEHuxGP+dC
pRRd7+bfS2kuRYJGk56RPVeaURqhRANCAARKbHn2PVoAi5JLZ6DkFzW5Is0H/i6d
k2eYWPfoHvbcoTzuom/YqXMwyH1ApZvUhoXtQu4xHuka/K0HdIjfIE3h
-----END PRIVATE KEY-----
`,
}
