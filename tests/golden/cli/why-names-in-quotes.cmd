bulkhead why words.yaml --from null --to true --port 80/tcp; bulkhead why words.yaml --from true --to null --port 80/tcp
