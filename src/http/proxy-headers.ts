/**
 * Request headers that proxies, load balancers and CDNs add, and that clients do not send themselves. A name that ends
 * in "-" stands for every header that begins with the name. Lower case. The value says who adds the header.
 */
const ADDED_BY_PROXIES: Readonly<Record<string, string>> = {
  forwarded: 'RFC 7239',
  via: 'RFC 9110 section 7.6.3',
  'cdn-loop': 'RFC 8586',
  'x-forwarded-':
    'Apache, Caddy, Traefik, Envoy and most others: X-Forwarded-For, -Host, -Proto, -Port, -Server',
  'x-forwarded': 'in use before RFC 7239',
  'forwarded-': 'in use before RFC 7239: Forwarded-For',
  'x-real-': 'nginx, as most guides configure it: X-Real-IP',
  'x-client-ip': 'in use at several hosting platforms',
  'client-ip': 'NetScaler',
  'x-cluster-client-ip': 'Riverbed, Rackspace',
  'x-remote-': 'proxies that check who calls: X-Remote-User, X-Remote-Addr',
  'x-original-': 'ingress-nginx: X-Original-Forwarded-For; IIS: X-Original-URL; Azure: X-Original-Host',
  'x-originating-': 'mail and web gateways: X-Originating-IP',
  'x-proxyuser-ip': 'Google front ends',
  'x-scheme': 'ingress-nginx',
  'front-end-https': 'Microsoft ISA, IIS',
  'proxy-client-ip': 'WebLogic',
  'wl-proxy-': 'WebLogic: WL-Proxy-Client-IP, WL-Proxy-SSL',
  'x-varnish': 'Varnish',
  'x-bluecoat-': 'Blue Coat ProxySG',
  'x-envoy-': 'Envoy, Istio',
  'l5d-': 'Linkerd',
  'x-kong-': 'Kong',
  'x-consumer-': 'Kong',
  'x-arr-': 'IIS Application Request Routing',
  'x-azure-': 'Azure Front Door: X-Azure-ClientIP, X-Azure-Ref',
  'x-fd-': 'Azure Front Door',
  'x-appgw-': 'Azure Application Gateway',
  'x-amzn-': 'AWS load balancers and API Gateway: X-Amzn-Trace-Id',
  'x-amz-cf-': 'AWS CloudFront: X-Amz-Cf-Id',
  'cloudfront-': 'AWS CloudFront: CloudFront-Viewer-Address',
  'x-cloud-trace-context': 'Google Cloud load balancers',
  'x-goog-': 'Google Identity-Aware Proxy',
  'x-appengine-': 'Google App Engine',
  'cf-': 'Cloudflare: CF-Connecting-IP, CF-Ray, CF-IPCountry, CF-Visitor',
  'true-client-ip': 'Akamai, Cloudflare',
  'akamai-': 'Akamai: Akamai-Origin-Hop',
  'x-akamai-': 'Akamai',
  'fastly-': 'Fastly: Fastly-Client-IP, Fastly-FF',
  'x-sucuri-': 'Sucuri',
  'incap-': 'Imperva: Incap-Client-IP',
  'ali-cdn-': 'Alibaba Cloud: Ali-CDN-Real-IP',
  'do-connecting-ip': 'DigitalOcean',
  'fly-': 'Fly.io: Fly-Client-IP',
  'x-vercel-': 'Vercel',
  'x-nf-': 'Netlify: X-Nf-Client-Connection-Ip',
  'x-request-start': 'Heroku and nginx: when the request came to the router',
  'tailscale-': 'tailscale serve: Tailscale-User-Login',
}

/** The first row of the table that matches one of these header names. Undefined when no row matches. */
export function proxyHeaderAmong(names: Iterable<string>): string | undefined {
  for (const name of names) {
    // Some gateways write an underscore for a hyphen.
    const plain = name.toLowerCase().replaceAll('_', '-')
    if (Object.hasOwn(ADDED_BY_PROXIES, plain)) return plain
    for (let end = plain.indexOf('-'); end >= 0; end = plain.indexOf('-', end + 1)) {
      const start = plain.slice(0, end + 1)
      if (Object.hasOwn(ADDED_BY_PROXIES, start)) return start
    }
  }
  return undefined
}
