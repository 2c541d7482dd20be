# A static binary in an image that has nothing else:
#
#     docker build -t rdv .
#     docker run --network host rdv serve --metrics 127.0.0.1:9464
#
# On the host's own network the server sees its clients' addresses and ports, which it has to tell their peers. With
# published ports, and so behind Docker's NAT or its proxy, it often does not: `rdv check` says so.
FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev gcc
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p rdv-cli --no-default-features

FROM scratch
COPY --from=build /src/target/release/rdv /rdv
USER 65534:65534
EXPOSE 8080 9464
ENTRYPOINT ["/rdv"]
CMD ["serve"]
