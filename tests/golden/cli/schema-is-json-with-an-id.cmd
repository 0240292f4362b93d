bulkhead schema | python3 -c "import json, sys; print(json.load(sys.stdin)[\"\$schema\"])"
