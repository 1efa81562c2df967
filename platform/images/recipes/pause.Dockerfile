# What every pod's sandbox runs: one program that waits.
FROM scratch
COPY pause /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
