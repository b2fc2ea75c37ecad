use contract::*;
fn main() {
    for l in std::io::stdin().lines() {
        let data = JsonObject::parse(&l.unwrap()).unwrap();
        let e = Event { id: EventId::new(1, [1;10]), event_type: EventType::PROBE, timestamp_ms: 0, tenant: "d".into(), subject: "a/b".into(), sequence: 2, origin: "o".into(), data, metadata: None };
        println!("{}", String::from_utf8(render(Profile::Canonical, &e, "x").unwrap()).unwrap());
    }
}
