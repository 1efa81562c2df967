FROM debian:forky-slim
ARG VERSION
RUN apt-get update -qq \
 && package="golang-${VERSION}-go" \
 && { apt-cache show "$package" > /dev/null 2>&1 || package=golang-go; } \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && ln -s /usr/lib/go-* /usr/local/go && mkdir -p /go/bin
ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /go
CMD ["bash"]
