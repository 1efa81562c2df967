FROM debian:forky-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
# Debian's npm brings some 400 packages; the one of the npm registry is a single folder.
ADD npm.tgz /tmp/npm
RUN mkdir -p /usr/local/lib/node_modules /usr/local/etc \
 && mv /tmp/npm/package /usr/local/lib/node_modules/npm && rmdir /tmp/npm \
 && chmod +x /usr/local/lib/node_modules/npm/bin/npm-cli.js /usr/local/lib/node_modules/npm/bin/npx-cli.js \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && printf 'cafile=/etc/ssl/certs/ca-certificates.crt\nupdate-notifier=false\n' > /usr/local/lib/node_modules/npm/npmrc
CMD ["node"]
