//! What is refused when it is deployed, and whether the refusal says what is wrong and what is allowed.

use bytes::Bytes;
use hydra::wasm::Refusal;
use hydra_tests::guest::Guest;
use hydra_tests::turns::try_load;

async fn refused(component: impl Into<Bytes>, manifest: &str) -> Refusal {
    try_load(component.into(), manifest).await.err().expect("a refusal")
}

async fn assert_refused(component: impl Into<Bytes>, code: &str, texts: &[&str]) {
    let refusal = refused(component, "").await;
    assert_eq!(refusal.code, code, "{refusal}");
    for text in texts {
        assert!(refusal.reason.contains(text), "{text}: {refusal}");
    }
}

fn text(component: &str) -> Vec<u8> {
    wat::parse_str(component).expect("a component")
}

#[tokio::test]
async fn what_is_no_component_is_told_apart() {
    assert_refused(Bytes::new(), "not-wasm", &["component"]).await;
    assert_refused(&b"\x7fELF and more"[..], "not-wasm", &["wasm32-wasip2"]).await;
    assert_refused(&b"(component)"[..], "not-wasm", &["binary format"]).await;
    assert_refused(text("(module)"), "core-module", &["hydra build"]).await;
    let whole = Guest::counter().build();
    for cut in [8, 100, whole.len() - 1] {
        let refusal = refused(whole.slice(..cut), "").await;
        assert!(["compile-failed", "missing-export"].contains(&refusal.code), "{cut}: {refusal}");
    }
    assert_refused(whole.slice(..whole.len() - 1), "compile-failed", &["offset"]).await;
}

#[tokio::test]
async fn a_component_over_the_size_limit_is_refused() {
    assert_refused(vec![0; (1 << 20) + 1], "too-large", &["1048577", "1048576", "http.component_bytes_max"]).await;
}

#[tokio::test]
async fn imports_outside_the_list_are_refused_by_name() {
    let allowed = ["hydra:actor/{types, runtime, state, messaging, timers}", "wasi:{cli, clocks,"];
    let http = text(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#);
    assert_refused(http, "unknown-import", &["wasi:http/types@0.2.0", allowed[0], allowed[1]]).await;
    let plain = text(r#"(component (import "secrets" (func)))"#);
    assert_refused(plain, "unknown-import", &["secrets", allowed[0]]).await;
    let guest = Guest::new("(call $secret) (call $done)")
        .import("hydra:actor/secrets@0.1.0", "get", "secret", "")
        .wit("interface secrets { get: func(); } world hungry { include actor; import secrets; }", "hungry");
    assert_refused(guest.build(), "unknown-import", &["hydra:actor/secrets@0.1.0"]).await;
    let newer = text(r#"(component (import "wasi:io/poll@0.3.0" (instance)))"#);
    assert_refused(newer, "unknown-import", &["wasi:io/poll@0.3.0", "0.2.x"]).await;
}

#[tokio::test]
async fn another_version_of_the_world_is_refused_with_both_versions() {
    let newer = Guest::new("(call $runtime.now-ms) drop (call $done)").version("0.2.0");
    assert_refused(newer.calls(&["runtime.now-ms"]).build(), "world-version", &["@0.2.0", "@0.1.0", "0.1.x"]).await;
    let exports = Guest::new("(call $done)").version("0.2.0");
    assert_refused(exports.build(), "world-version", &["types@0.2.0", "@0.1.0"]).await;
}

#[tokio::test]
async fn a_later_patch_of_the_contract_is_taken() {
    let patched = Guest::new("(drop (call $runtime.now-ms)) (call $done)").version("0.1.7");
    let patched = patched.calls(&["runtime.now-ms"]).lifecycle("", "unreachable", "unreachable");
    let loaded = try_load(patched.build(), "").await.unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("describe")), "lifecycle@0.1.7 was found");
    let message = hydra_tests::turns::message("go", b"");
    let handled = hydra_tests::turns::turn(&*loaded.handler, hydra_tests::turns::input(&message)).await;
    assert!(handled.result.is_ok(), "{handled:?}");
}

#[tokio::test]
async fn a_component_without_the_handler_is_refused() {
    assert_refused(text("(component)"), "missing-export", &["hydra:actor/handler@0.1.0", "nothing"]).await;
    let other = text(r#"(component (instance $i) (export "a:b/c@1.0.0" (instance $i)))"#);
    assert_refused(other, "missing-export", &["a:b/c@1.0.0"]).await;
    let empty = text(r#"(component (instance $i) (export "hydra:actor/handler@0.1.0" (instance $i)))"#);
    assert_refused(empty, "missing-export", &["handle"]).await;
}

#[tokio::test]
async fn a_function_of_another_type_is_refused() {
    let import = text(
        r#"(component (import "hydra:actor/runtime@0.1.0" (instance (export "now-ms" (func (result u32)))))
        (instance $i) (export "hydra:actor/handler@0.1.0" (instance $i)))"#,
    );
    assert_refused(import, "wrong-type", &["hydra:actor/runtime@0.1.0", "u32"]).await;
    let unknown = text(
        r#"(component (import "hydra:actor/runtime@0.1.9" (instance (export "fly" (func))))
        (instance $i) (export "hydra:actor/handler@0.1.0" (instance $i)))"#,
    );
    assert_refused(unknown, "wrong-type", &["fly"]).await;
    let export = text(
        r#"(component
        (core module $m (func (export "f") (param i32) (result i32) local.get 0))
        (core instance $c (instantiate $m))
        (func $f (param "msg" u32) (result u32) (canon lift (core func $c "f")))
        (instance $i (export "handle" (func $f)))
        (export "hydra:actor/handler@0.1.0" (instance $i)))"#,
    );
    assert_refused(export, "wrong-type", &["contract"]).await;
}

#[tokio::test]
async fn extra_exports_are_tolerated() {
    let wit = "interface extra { leftover: func(); } world bigger { include actor; export extra; }";
    let guest = Guest::new("(call $done)")
        .wit(wit, "bigger")
        .with("(func (export \"hydra:actor/extra@0.1.0#leftover\") unreachable)");
    assert!(try_load(guest.build(), "").await.is_ok());
}

#[tokio::test]
async fn more_memory_than_granted_is_refused() {
    let guest = Guest::new("(call $done)").pages(40).build();
    let refusal = refused(guest.clone(), "limits.memory_bytes_max = 1048576").await;
    assert_eq!(refusal.code, "limits");
    for text in ["2621440", "1048576", "limits.memory_bytes_max"] {
        assert!(refusal.reason.contains(text), "{refusal}");
    }
    assert!(try_load(guest, "").await.is_ok());
    assert_refused(Guest::new("(call $done)").pages(2000).build(), "limits", &["more than any guest gets"]).await;
}

#[tokio::test]
async fn a_manifest_over_its_ceilings_is_refused() {
    let mut manifest = hydra::manifest::Manifest::default();
    manifest.limits.cpu_ms_max = u64::MAX;
    let loaded = hydra_tests::turns::sandbox().load(Guest::counter().build(), manifest.into()).await;
    let refusal = loaded.err().unwrap();
    assert_eq!(refusal.code, "limits");
    assert!(refusal.reason.contains("limits.cpu_ms_max"), "{refusal}");
}

#[tokio::test]
async fn a_compilation_that_takes_too_long_is_refused() {
    let settings = hydra::config::Sandbox { compile_s_max: 0, instances_max: 1, ..hydra::config::Sandbox::default() };
    let sandbox = hydra::wasm::Sandbox::new(&settings, None, 1 << 20).unwrap();
    let refusal = sandbox.load(Guest::counter().build(), hydra_tests::turns::manifest("")).await.err().unwrap();
    assert_eq!(refusal.code, "compile-timeout");
    assert!(refusal.reason.contains("sandbox.compile_s_max"), "{refusal}");
}
