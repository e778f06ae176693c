//! Scenarios that fail today for faults of the engine. Each file joins the
//! others when it passes.

mod clearing;
mod passing;
