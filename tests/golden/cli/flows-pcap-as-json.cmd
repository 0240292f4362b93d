bulkhead flows --pcap - --json
