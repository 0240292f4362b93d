bulkhead diff small.yaml wider.yaml --at 25:00
