//! The order of things at boot.

use super::{
    Error, clocksource,
    exec::{self, script},
    platform::{Physical, Platform},
    stack,
};
use crate::{
    arch::{context, context::Context, cpu, fpu, frame::Frame, interrupt, lapic, layout, trap},
    drivers::{
        self,
        block::{BlockDevice, DiskMemory},
        i8042,
    },
    entropy,
    errno::Errno,
    file::OpenFile,
    fs, log,
    mm::{
        self, frames, paging,
        space::{self, Place},
        vma::{Backing, Prot},
    },
    net,
    process::{
        self, PID,
        credentials::{self, Credentials},
    },
    sched::{self, Thread},
    signal,
    signal::ThreadSignals,
    user::UserSlice,
    vdso,
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::sync::atomic::{AtomicU64, Ordering};
use uigniter_abi::{
    boot_args::BootArgs,
    exit::ExitStatus,
    script::{DEFAULT_PATH, env_words},
};

unsafe extern "C" {
    #[link_name = "text_end"]
    safe static TEXT_END: u8;
    #[link_name = "kernel_end"]
    safe static KERNEL_END: u8;
}

/// Bytes of the first thread's stack, as Linux's default limit has it.
const STACK_SIZE: u64 = 8 << 20;

/// Room kept free below the stack.
const STACK_GAP: u64 = 1 << 20;

/// Guest memory through the linear map.
struct Linear;

impl Physical for Linear {
    fn read(&self, address: u64, buffer: &mut [u8]) {
        // SAFETY: the linear map covers every address that `% LINEAR_SIZE` leaves; the few bytes beyond are the caller's table's.
        unsafe {
            let source = layout::linear(address % (layout::LINEAR_SIZE - (1 << 20))) as *const u8;
            core::ptr::copy_nonoverlapping(source, buffer.as_mut_ptr(), buffer.len());
        }
    }
}

/// What boot keeps until the program is in memory.
struct Machine {
    args: BootArgs,
    thread: Arc<Thread>,
}

/// Boots, and goes to the program.
pub fn start() -> ! {
    let platform = take_memory();
    let result = bring_up(&platform).and_then(|machine| launch(&machine).map(|()| machine));
    match result {
        Ok(machine) => {
            let context = machine.thread.context.get();
            drop(machine);
            drop(platform);
            // SAFETY: the context is the first thread's, complete with its frame; the scheduler's map keeps it.
            unsafe { context::switch_away(context) }
        }
        Err(error) => {
            log!("boot failed: {error}");
            sched::exit_process(ExitStatus::BootFailed)
        }
    }
}

/// Gives memory to the frame allocator. The command line is read twice, as there is no heap before, and no telling where it lies.
fn take_memory() -> Platform {
    let (kind, info) = trap::boot_protocol();
    let read = || match kind {
        1 => Platform::from_pvh(&Linear, info),
        _ => Platform::from_linux(&Linear, info),
    };
    let physical = |symbol: &u8| core::ptr::from_ref(symbol) as u64 - layout::KERNEL;
    frames::init_early(physical(&KERNEL_END), layout::IMAGE_END);
    let platform = read();
    let kernel = [
        (0, layout::SHIM_END),
        (layout::KERNEL_TEXT, physical(&TEXT_END)),
        (layout::KERNEL_DATA, physical(&KERNEL_END)),
    ];
    // Monitors put a RAM disk behind the kernel, so these are in order.
    let reserved: Vec<_> = kernel.into_iter().chain(platform.initrd).collect();
    let usable = platform.usable(&reserved, layout::LINEAR_SIZE);
    frames::init(&usable);
    let ends = usable.iter().chain(&platform.initrd).map(|range| range.1);
    let end = ends.max().unwrap_or(0).min(layout::LINEAR_SIZE);
    if paging::extend_linear(0, end).is_err() {
        log!("no memory for the kernel's own page tables");
    }
    platform
}

fn bring_up(platform: &Platform) -> Result<Machine, Error> {
    trap::init();
    lapic::init();
    clocksource::init();
    let args = BootArgs::parse(&platform.command_line).map_err(Error::Arguments)?;
    log::set_verbose(args.verbose);
    crate::verbose!("boot line: {}", platform.command_line);
    crate::verbose!("memory: {:x?}", platform.memory);

    // The first thread exists before its program does, so that boot may wait for a disk.
    let no_memory = || Error::Program(exec::Error::NoMemory(String::from("the kernel's first thread")));
    fpu::reset();
    let context = Context::new(&Frame::default(), 0).ok_or_else(no_memory)?;
    trap::set_kernel_stack(context.top());
    let thread = Arc::new(Thread::new(
        PID,
        ThreadSignals::default(),
        sched::Wishes::default(),
        context,
    ));
    sched::start_first(thread.clone());

    if args.mmio_devices.is_empty() {
        for io_apic in drivers::io_apics(platform.rsdp) {
            lapic::add_io_apic(io_apic.address, io_apic.first_gsi);
        }
    }
    interrupt::mask_legacy();
    let devices = drivers::discover(&args.mmio_devices, platform.rsdp);
    i8042::init(signal::terminate_gracefully);
    let folders = devices.folders;
    let share = |disk| Arc::new(disk) as Arc<dyn BlockDevice>;
    let disks: Vec<_> = devices.blocks.into_iter().map(share).collect();
    let root = fs::RootConfig {
        folders: &folders,
        disk: disks.first().cloned(),
        disks,
        files: platform
            .initrd
            .filter(|(_, end)| *end <= layout::LINEAR_SIZE)
            .map(|(start, end)| DiskMemory {
                start,
                bytes: end - start,
            }),
        args: &args,
        memory_bytes: mm::usage().total,
    };
    fs::init(&root).map_err(|error| Error::Root(error.to_string()))?;
    sched::errand::at_end(fs::finish);
    net::init(
        devices.networks.into_iter().next(),
        &args,
        u64::from_le_bytes(random()),
    );
    Ok(Machine { args, thread })
}

static LOAD_BIAS: AtomicU64 = AtomicU64::new(0);

/// What was added to all of the program's addresses.
pub(super) fn load_bias() -> u64 {
    LOAD_BIAS.load(Ordering::Relaxed)
}

/// Random bytes for addresses and `AT_RANDOM`.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    entropy::fill(&mut bytes);
    bytes
}

/// A random number of pages below `pages` (a power of two), in bytes.
fn random_pages(pages: u64) -> u64 {
    (u64::from_le_bytes(random()) & (pages - 1)) << 12
}

/// The path of a command: as it is, or looked for where programs are.
fn find(command: &str) -> Result<(String, Arc<OpenFile>), exec::Error> {
    let prefixes: &[&str] = if command.contains('/') {
        &[""]
    } else {
        &[
            "/",
            "/bin/",
            "/usr/bin/",
            "/usr/local/bin/",
            "/sbin/",
            "/usr/sbin/",
        ]
    };
    let mut last = Errno::ENOENT;
    for prefix in prefixes {
        let path = [prefix, command].concat();
        match fs::open_kernel(&path) {
            Ok(open) => return Ok((path, open)),
            Err(Errno::ENOENT) => {}
            Err(errno) => last = errno,
        }
    }
    Err(exec::Error::NotFound(command.into(), last))
}

/// What is to run: the boot line's command, or the interpreter of the script that it names.
struct Program {
    /// Path of the ELF.
    path: String,
    open: Arc<OpenFile>,
    /// Path of what the boot line names (`AT_EXECFN`, and the name of the thread).
    name: String,
    arguments: Vec<String>,
}

/// Finds the command, and follows `#!` lines to a program (`execve(2)`, "Interpreter scripts").
fn find_program(args: &BootArgs) -> Result<Program, exec::Error> {
    let command = &args.command;
    let (name, open) = find(command.first().map_or("", String::as_str))?;
    let mut program = Program {
        path: name.clone(),
        open,
        name,
        arguments: command.to_vec(),
    };
    for _ in 0..=script::MAX_DEPTH {
        let mut head = [0; script::HEAD];
        let got = space::read_full(program.open.file.as_ref(), 0, &mut head)
            .map_err(|errno| exec::Error::Read(program.path.clone(), errno))?;
        let Some(line) = script::Line::parse(&head[..got]) else {
            return Ok(program);
        };
        // What ran the script so far becomes an argument, by its path; the name that it was given is lost.
        let script = core::mem::take(&mut program.path);
        let first: Vec<String>;
        if let Some((wanted, rest)) = env_words(&line.interpreter, line.argument.as_deref()) {
            (program.path, program.open) = find_in_path(&script, wanted, args)?;
            let words = core::iter::once(wanted).chain(rest).map(String::from);
            first = words.chain([script]).collect();
        } else {
            program.open = open_interpreter(&script, &line.interpreter)?;
            program.path.clone_from(&line.interpreter);
            let words = [Some(line.interpreter), line.argument, Some(script)];
            first = words.into_iter().flatten().collect();
        }
        let given = program.arguments.len().min(1);
        program.arguments.splice(..given, first);
    }
    Err(exec::Error::ScriptDepth(program.name))
}

/// The program that `env(1)` would find for a script.
fn find_in_path(script: &str, name: &str, args: &BootArgs) -> Result<(String, Arc<OpenFile>), exec::Error> {
    let given = args.env.iter().rev().find(|(key, _)| key == "PATH");
    let path = given.map_or(DEFAULT_PATH, |(_, value)| value);
    let folders = if name.contains('/') { "" } else { path };
    let mut last = Errno::ENOENT;
    for folder in folders.split(':') {
        let slash = if folder.is_empty() { "" } else { "/" };
        let path = [folder, slash, name].concat();
        match fs::open_kernel(&path) {
            Ok(open) => return Ok((path, open)),
            Err(Errno::ENOENT) => {}
            Err(errno) => last = errno,
        }
    }
    Err(exec::Error::Interpreter(script.into(), name.into(), last))
}

fn open_interpreter(path: &str, interpreter: &str) -> Result<Arc<OpenFile>, exec::Error> {
    fs::open_kernel(interpreter)
        .map_err(|errno| exec::Error::Interpreter(path.into(), interpreter.into(), errno))
}

/// Loads the program and completes the first thread's frame.
fn launch(machine: &Machine) -> Result<(), Error> {
    let program = find_program(&machine.args).map_err(Error::Program)?;
    let path = &program.path;
    let base = 0x5500_0000_0000 + random_pages(1 << 22);
    let loaded = exec::load(path, &program.open.file, base).map_err(Error::Program)?;

    fs::set_running(&program.open);
    LOAD_BIAS.store(loaded.bias, Ordering::Relaxed);

    let no_memory = |_| Error::Program(exec::Error::NoMemory(path.clone()));
    let stack_top = layout::PROGRAM_END - 0x1000 - random_pages(1 << 14);
    let stack_start = stack_top - STACK_SIZE;
    space::set_layout(
        stack_start - STACK_GAP - random_pages(1 << 22),
        loaded.end.next_multiple_of(4096) + random_pages(1 << 10),
    );
    let both = Prot::READ | Prot::WRITE;
    let executable = if loaded.headers.executable_stack {
        Prot::EXEC
    } else {
        Prot::empty()
    };
    space::map(
        Place::Fixed(stack_start),
        STACK_SIZE,
        both | executable,
        Backing::Zero,
        space::STACK,
    )
    .map_err(no_memory)?;
    let vdso = map_vdso().map_err(no_memory)?;
    let interpreter = match &loaded.headers.interpreter {
        Some(name) => Some(
            open_interpreter(path, name)
                .and_then(|open| exec::load_anywhere(name, &open.file))
                .map_err(Error::Program)?,
        ),
        None => None,
    };

    let environment = environment(&machine.args);
    let auxv = auxv(
        &loaded,
        machine
            .args
            .user
            .as_ref()
            .map_or((0, 0), |user| (user.uid, user.gid)),
        interpreter.as_ref().map_or(0, |loaded| loaded.bias),
        vdso,
    );
    let pointer = write_stack(stack_top, &program, &environment, &auxv).map_err(no_memory)?;
    let entry = interpreter.as_ref().unwrap_or(&loaded).entry();
    crate::verbose!("{path}: entry {entry:#x}, stack {pointer:#x}");
    remember(program, machine.args.hostname.clone(), environment);
    if let Some(user) = &machine.args.user {
        // Only now: what boot reads, root may read.
        *credentials::get().lock() = Credentials::of(user.uid, user.gid, user.groups.clone());
    }
    let context = machine.thread.context.get();
    // SAFETY: the first thread does not run yet; boot alone uses its context.
    unsafe { (*context).frame().write(trap::start_frame(entry, pointer)) };
    Ok(())
}

/// Maps the vDSO's page, code that calls the kernel's own clock functions.
fn map_vdso() -> Result<u64, Errno> {
    let base = space::map(
        Place::Hint(0),
        4096,
        Prot::READ | Prot::EXEC,
        Backing::Zero,
        "[vdso]",
    )?;
    let image = vdso::image(base);
    let frame = frames::alloc_zeroed(0).ok_or(Errno::ENOMEM)?;
    // SAFETY: the frame is ours until it is installed, and the image fits (vdso.rs asserts that).
    unsafe {
        core::ptr::copy_nonoverlapping(
            image.as_ptr(),
            layout::linear(frame) as *mut u8,
            image.len().min(4096),
        );
    }
    space::install(base, &[(frame, 0)], Prot::READ | Prot::EXEC)?;
    Ok(base)
}

/// `--env` in order (the last of a name counts), with a `PATH` and a `HOME` where none is given.
fn environment(args: &BootArgs) -> Vec<String> {
    let mut out: Vec<(&str, &str)> = alloc::vec![("PATH", DEFAULT_PATH), ("HOME", "/")];
    for (key, value) in &args.env {
        out.retain(|(known, _)| known != key);
        out.push((key, value));
    }
    out.into_iter()
        .map(|(key, value)| [key, "=", value].concat())
        .collect()
}

/// The auxiliary vector but for what lies on the stack itself (`getauxval(3)`); `base` is the interpreter's load bias, 0 without one.
fn auxv(loaded: &exec::Loaded, (uid, gid): (u32, u32), base: u64, vdso: u64) -> stack::Auxv {
    use linux_raw_sys::auxvec as raw;
    let features = cpu::cpuid(1, 0);
    let headers = &loaded.headers;
    [
        (raw::AT_SYSINFO_EHDR, vdso),
        (raw::AT_MINSIGSTKSZ, signal::frame::min_stack() as u64),
        (raw::AT_HWCAP, u64::from(features.edx)),
        (raw::AT_PAGESZ, 4096),
        (raw::AT_CLKTCK, 100),
        (raw::AT_PHDR, headers.header_address.wrapping_add(loaded.bias)),
        (raw::AT_PHENT, 56),
        (raw::AT_PHNUM, headers.header_count),
        (raw::AT_BASE, base),
        (raw::AT_FLAGS, 0),
        (raw::AT_ENTRY, loaded.entry()),
        (raw::AT_UID, u64::from(uid)),
        (raw::AT_EUID, u64::from(uid)),
        (raw::AT_GID, u64::from(gid)),
        (raw::AT_EGID, u64::from(gid)),
        (raw::AT_SECURE, 0),
        // FSGSBASE may be used.
        (raw::AT_HWCAP2, 2),
    ]
    .into_iter()
    .map(|(key, value)| (u64::from(key), value))
    .collect()
}

fn write_stack(
    top: u64,
    program: &Program,
    environment: &[String],
    auxv: &[(u64, u64)],
) -> Result<u64, Errno> {
    use linux_raw_sys::auxvec as raw;
    let places = [
        (u64::from(raw::AT_RANDOM), stack::Place::Random),
        (u64::from(raw::AT_EXECFN), stack::Place::Name),
        (u64::from(raw::AT_PLATFORM), stack::Place::Platform),
    ];
    let arguments: Vec<&[u8]> = program.arguments.iter().map(String::as_bytes).collect();
    let environment: Vec<&[u8]> = environment.iter().map(String::as_bytes).collect();
    let stack = stack::build(
        top,
        &arguments,
        &environment,
        program.name.as_bytes(),
        random(),
        auxv,
        &places,
    );
    UserSlice::new(stack.pointer, stack.bytes.len())
        .bytes_mut()?
        .copy_from_slice(&stack.bytes);
    fs::set_auxv(stack.bytes.get(stack.auxv).unwrap_or_default());
    Ok(stack.pointer)
}

/// Fills in what the program may ask about itself.
fn remember(program: Program, hostname: Option<String>, environment: Vec<String>) {
    let process = process::process();
    *process.executable.lock() = fs::path_of(&program.open).unwrap_or(program.path);
    *process.arguments.lock() = program.arguments;
    *process.environment.lock() = environment;
    *process.hostname.lock() = hostname.unwrap_or_else(|| String::from("uigniter"));
    let name = program.name.rsplit('/').next().unwrap_or_default();
    *sched::current().name.lock() = name.chars().take(15).collect();
}
