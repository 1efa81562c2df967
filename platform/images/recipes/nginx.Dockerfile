FROM debian:forky-slim
# The official image runs its workers as nginx (101:101), and Dockerfiles name that user.
RUN groupadd --system --gid 101 nginx \
 && useradd --system --uid 101 --gid 101 --home-dir /var/cache/nginx --shell /usr/sbin/nologin nginx \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/nginx/sites-enabled /var/www/html \
 && mkdir -p /usr/share/nginx/html /etc/nginx/conf.d /var/log/nginx \
 && ln -s /dev/stdout /var/log/nginx/access.log && ln -s /dev/stderr /var/log/nginx/error.log \
 && sed -i -e 's/^user .*/user nginx;/' -e '/sites-enabled/d' /etc/nginx/nginx.conf
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
