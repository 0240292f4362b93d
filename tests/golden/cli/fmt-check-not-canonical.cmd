bulkhead fmt --check wider.yaml
