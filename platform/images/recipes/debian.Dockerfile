# The root of every base image: Debian's own packages, laid out by mmdebstrap.
FROM scratch
ADD root.tar /
# Builds reach package registries from wherever the machine does, so they trust what the machine trusts.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["bash"]
