# Ferry as a container: built in one stage, run in another as a user without rights, with its state in /state.
#
#   docker build -t ferry .
#   docker run -p 6380:6380 -p 6390:6390 -v ferry-state:/state \
#     -e FERRY_SOURCE=redis://old:6379 -e FERRY_TARGET=redis://new:6379 -e FERRY_ADMIN_TOKEN=… ferry
FROM node:22-bookworm-slim AS build
WORKDIR /ferry
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run --silent build

FROM build AS packages
RUN npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    FERRY_LISTEN=0.0.0.0:6380 \
    FERRY_ADMIN=0.0.0.0:6390 \
    FERRY_STATE_DIR=/state
WORKDIR /ferry
COPY --from=packages /ferry/package.json /ferry/LICENSE ./
COPY --from=packages /ferry/node_modules node_modules
COPY --from=packages /ferry/bin bin
COPY --from=packages /ferry/dist/src dist/src
COPY --from=packages /ferry/dist/bundle dist/bundle
RUN ln -s /ferry/bin/ferry.js /usr/local/bin/ferry && install -d -o node -g node -m 700 /state
USER node
VOLUME /state
EXPOSE 6380 6390
# ready: clients can be served; while it waits for another Ferry's lease to end it is healthy and not ready
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:6390/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["ferry"]
CMD ["serve"]
