//! The component's exports, and `export_actor!`, which an author calls once per component.
//! Called by the host, calls `turn`. The end of the raw bindings: what goes further in is `Message`, `Context`, `Outcome`.

/// Makes a component of an actor. Once per crate, beside `impl Actor`; natively it only checks the type.
#[macro_export]
macro_rules! export_actor {
    ($actor:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::Exported<$actor>;
            $crate::bindings::__export_full_actor! { Exported with_types_in $crate::bindings }
        };
        const _: fn() = || {
            fn is_actor<A: $crate::Actor>() {}
            is_actor::<$actor>();
        };
    };
}

#[cfg(target_family = "wasm")]
pub use exported::Exported;

#[cfg(target_family = "wasm")]
mod exported {
    use std::marker::PhantomData;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::bindings::exports::hydra::actor::{handler, lifecycle};
    use crate::bindings::hydra::actor::types;
    use crate::host::Host;
    use crate::{Actor, ActorId, Answer, Context, Ending, Failure, Fault, Headers, Message, Success, turn};

    /// The host called `activated`; the message that follows in the same turn acts on it, so that the state is decoded once.
    static ACTIVATED: AtomicBool = AtomicBool::new(false);

    /// The exports of one actor type.
    pub struct Exported<A>(PhantomData<A>);

    impl<A: Actor> handler::Guest for Exported<A> {
        fn handle(msg: types::Message) -> Result<types::Outcome, types::Failure> {
            let activated = ACTIVATED.swap(false, Ordering::Relaxed);
            let outcome = turn::run::<A>(&Context::new(Host), &msg.into(), activated);
            outcome.map(Into::into).map_err(Into::into)
        }
    }

    impl<A: Actor> lifecycle::Guest for Exported<A> {
        fn activated() {
            ACTIVATED.store(true, Ordering::Relaxed);
        }

        fn migrate(from_version: u32, state: Vec<u8>) -> Result<Vec<u8>, types::Fault> {
            A::migrate(from_version, state).map_err(Into::into)
        }

        fn describe() -> String {
            A::describe().to_json()
        }
    }

    impl From<types::Message> for Message {
        fn from(msg: types::Message) -> Self {
            Self {
                id: msg.id,
                sender: msg.sender.map(|sender| ActorId { kind: sender.kind, id: sender.id }),
                subject: msg.subject,
                headers: Headers(msg.headers),
                body: msg.body,
                accepted_at_ms: msg.accepted_at_ms,
                attempt: msg.attempt,
                reply_token: msg.reply_token,
                answer: msg.answer.map(Into::into),
            }
        }
    }

    impl From<types::Answer> for Answer {
        fn from(answer: types::Answer) -> Self {
            let fault = |fault: types::Fault| Fault::new(fault.code, fault.text);
            let ending = match answer.ending {
                types::Ending::Replied => Ending::Replied,
                types::Ending::Done => Ending::Done,
                types::Ending::Refused(said) => Ending::Refused(fault(said)),
                types::Ending::Failed(said) => Ending::Failed(fault(said)),
                types::Ending::TimedOut => Ending::TimedOut,
            };
            Self { token: answer.token, memo: answer.memo, ending }
        }
    }

    impl From<Success> for types::Outcome {
        fn from(success: Success) -> Self {
            match success {
                Success::Done => Self::Done,
                Success::Later => Self::Later,
                Success::Reply(payload) => {
                    Self::Reply(types::Payload { headers: payload.headers.0, body: payload.body })
                }
            }
        }
    }

    impl From<Failure> for types::Failure {
        fn from(failure: Failure) -> Self {
            match failure {
                Failure::Refuse(fault) => Self::Refuse(fault.into()),
                Failure::Fail(fault) => Self::Fail(fault.into()),
                Failure::Suspend(fault) => Self::Suspend(fault.into()),
                Failure::Retry { fault, after } => {
                    let after_ms = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
                    Self::Retry(types::Retry { fault: fault.into(), after_ms })
                }
            }
        }
    }

    impl From<Fault> for types::Fault {
        fn from(fault: Fault) -> Self {
            Self { code: fault.code, text: fault.text }
        }
    }
}
