#!/bin/sh
# Writes nginx's configuration for BACKEND_URL and this machine's name servers, then becomes nginx.
set -eu

# Tests run this script below a folder of their own.
root=${FILE_ROOT:-}
url=${BACKEND_URL:-http://localhost:5002}
url=${url%/}

reject() {
  printf 'BACKEND_URL is "%s", but must be http(s)://host[:port] without a path, such as http://tinyolly:5002\n' \
    "${BACKEND_URL:-}" >&2
  exit 2
}

authority=${url#*://}
host=${authority%:*}
port=${authority##*:}
case $authority in
  \[*\]) host=$authority port='' ;;
  *:*) ;;
  *) port='' ;;
esac

case $url in http://?* | https://?*) ;; *) reject ;; esac
case $host in
  \[*\]) case ${host#?} in *[!0-9a-fA-F:.]*\]) reject ;; esac ;;
  '' | -* | .* | *[!a-zA-Z0-9._-]*) reject ;;
esac
case $authority in *:) reject ;; esac
case $port in *[!0-9]* | ??????*) reject ;; esac
if [ -n "$port" ] && { [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; }; then reject; fi

# nginx asks the name servers only: without /etc/hosts, and without the search list that completes a Service's name.
resolv=$root/etc/resolv.conf
search=$(sed -n 's/^search[[:space:]]*//p' "$resolv" | tail -n 1)
case $host in
  localhost) host=127.0.0.1 ;;
  *.svc)
    for domain in $search; do
      case $domain in svc.*) host=$host.${domain#svc.} && break ;; esac
    done
    ;;
  *.* | \[*) ;;
  *)
    for domain in $search; do
      case $domain in *.svc.*) host=$host.$domain && break ;; esac
    done
    ;;
esac

resolver=$(sed -n \
  -e 's/^nameserver[[:space:]]*\([0-9.]*\)[[:space:]]*$/\1/p' \
  -e 's/^nameserver[[:space:]]*\([0-9a-fA-F:]*:[0-9a-fA-F:.]*\)[[:space:]]*$/[\1]/p' \
  "$resolv" | tr '\n' ' ')

# The addresses that the web UI tells its users, as JSON; those that are not set are left out.
addresses=
address() {
  case $2 in '') return ;; esac
  case $2 in *[!a-zA-Z0-9:/._[\]-]* | [!a-z]*) bad=1 ;; *://?*) bad= ;; *) bad=1 ;; esac
  if [ -n "$bad" ]; then
    printf '%s is "%s", but must be a URL, such as http://receiver:4343\n' "$1" "$2" >&2
    exit 2
  fi
  addresses="$addresses${addresses:+,}\"$3\":\"$2\""
}
address OTLP_URL "${OTLP_URL:-}" otlp
address OPAMP_URL "${OPAMP_URL:-}" opamp
address COLLECTOR_URL "${COLLECTOR_URL:-}" collector

# Without IPv6 in the kernel nginx would not start.
listen6=
if [ -s "$root/proc/net/if_inet6" ]; then listen6='    listen [::]:80;'; fi

sed \
  -e "s|^@LISTEN6@$|$listen6|" \
  -e "s|@ADDRESSES@|{$addresses}|" \
  -e "s|@BACKEND@|${url%%://*}://$host${port:+:$port}|" \
  -e "s|@RESOLVER@|${resolver:-127.0.0.1}|" \
  "$root/etc/nginx/tinyolly.conf.template" >"$root/tmp/nginx.conf"

exec nginx -c "$root/tmp/nginx.conf" -g 'daemon off;'
